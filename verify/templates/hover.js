// Of the point under the pointer: which run it is, its parameters, and a line of Python that trains it again.
// A click keeps it in place, so that the line can be copied. Without scripts nothing of the page is missing.
(() => {
  const held = JSON.parse(document.getElementById("points").textContent);
  const box = document.createElement("div");
  box.className = "hover";
  box.hidden = true;
  document.body.append(box);
  let pinned = false;

  const parameters = (at) => held.names.map((name, k) => `${held.shown[k]} = ${+(+at[k + 2]).toPrecision(4)}`).join(", ");
  const setting = (at) => `${held.setting}(${held.names.map((name, k) => `${name}=${at[k + 2]}`).join(", ")}, labels="${at[at.length - 1]}")`;
  const again = (at, run) => held.module && run[2] > 0
    ? `from numerics import draw, train; from ${held.module} import ${held.setting}; s = ${setting(at)}; run = train([s], [draw(s, ${run[1]})], steps=${run[2]})`
    : "";

  function told(what, figure) {
    if (typeof what === "string") return [what, "", held.commands[figure]];
    const whole = what < 0, run = held.runs[whole ? -what - 1 : what], at = held.settings[run[0]];
    const name = `setting ${at[1]} of ${at[0]}, ` + (whole ? "all its runs; the first has seed " : "seed ") + run[1];
    return [name, parameters(at), again(at, run)];
  }

  function show(event, keep) {
    const plot = event.target.closest("[data-points]");
    if (!plot) { if (keep || !pinned) { box.hidden = true; pinned = false; } return; }
    if (pinned && !keep) return;
    const image = plot.querySelector("img").getBoundingClientRect();
    let best = null, least = 12;
    for (const [x, y, what] of held.figures[plot.dataset.points]) {
      const far = Math.hypot(image.left + x / 1e4 * image.width - event.clientX, image.top + y / 1e4 * image.height - event.clientY);
      if (far < least) { least = far; best = what; }
    }
    box.hidden = best === null;
    pinned = keep && best !== null;
    if (best === null) return;
    box.replaceChildren(...told(best, plot.dataset.points).map((text, k) => {
      const line = document.createElement(k === 2 ? "code" : "div");
      line.textContent = text;
      return line;
    }).filter((line) => line.textContent));
    const wide = document.documentElement.clientWidth;
    box.style.left = `${Math.max(4, Math.min(event.clientX + 12, wide - box.offsetWidth - 4))}px`;
    box.style.top = `${event.clientY + 14 + box.offsetHeight > innerHeight ? event.clientY - box.offsetHeight - 10 : event.clientY + 14}px`;
  }

  document.addEventListener("pointermove", (event) => show(event, false));
  document.addEventListener("click", (event) => { if (!box.contains(event.target)) show(event, true); });
  document.addEventListener("scroll", () => { box.hidden = true; pinned = false; }, true);
})();
