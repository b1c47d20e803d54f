// Of what lies under the pointer, a point, a line or a cell: which run it is, its parameters, and a line of Python that
// trains it again. A click keeps it in place, so that the line can be copied. Without scripts nothing of the page is missing.
(() => {
  const held = JSON.parse(document.getElementById("points").textContent);
  const box = document.createElement("div");
  box.className = "hover";
  box.hidden = true;
  document.body.append(box);
  for (const plot of document.querySelectorAll("[data-points]")) plot.classList.toggle("pointed", plot.dataset.points in held.figures);
  let pinned = false;

  const at = (column, k) => Array.isArray(column) ? column[k] : column;
  const value = (name, k) => at(held.settings[name], k);
  const parameters = (k) => held.names.map((name, i) => `${held.shown[i]} = ${+(+value(name, k)).toPrecision(4)}`).join(", ");
  const setting = (k) => `${held.setting}(${held.names.map((name) => `${name}=${value(name, k)}`).join(", ")}, labels="${value("labels", k)}")`;
  const again = (k, run) => held.module && held.runs.steps[run] > 0
    ? `from numerics import draw, train; from ${held.module} import ${held.setting}; s = ${setting(k)}; run = train([s], [draw(s, ${held.runs.seed[run]})], steps=${held.runs.steps[run]})`
    : "";

  function told(what, figure) {
    const command = held.commands[figure] || "";
    if (typeof what === "string") return [what, "", command];
    if (Array.isArray(what)) return [what[0], "", what[1] || command];
    const whole = what < 0, run = whole ? -what - 1 : what, k = held.runs.setting[run];
    const name = `setting ${value("setting", k)} of ${value("group", k)}, ` + (whole ? "all its runs; the first has seed " : "seed ") + held.runs.seed[run];
    return [name, parameters(k), again(k, run) || command];
  }

  // What lies there, of marks before lines and of lines before cells, and what its colour is; null where nothing does.
  function under(figure, image, event) {
    const wide = image.width / 1e4, high = image.height / 1e4, x = event.clientX - image.left, y = event.clientY - image.top;
    let best = null, least = 12;
    for (const [px, py, what] of figure.points || []) {
      const far = Math.hypot(px * wide - x, py * high - y);
      if (far < least) { least = far; best = [what, ""]; }
    }
    if (best) return best;
    least = 7;
    for (const [what, ...line] of figure.curves || []) {
      for (let k = 0; k + 3 < line.length; k += 2) {
        const ax = line[k] * wide, ay = line[k + 1] * high, dx = line[k + 2] * wide - ax, dy = line[k + 3] * high - ay;
        const part = Math.max(0, Math.min(1, ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy || 1)));
        const far = Math.hypot(ax + part * dx - x, ay + part * dy - y);
        if (far < least) { least = far; best = [what, ""]; }
      }
    }
    if (best) return best;
    for (const mesh of figure.meshes || []) {
      const between = (edges, z) => edges.findIndex((_, k) => k + 1 < edges.length && (edges[k] - z) * (edges[k + 1] - z) <= 0);
      const column = between(mesh.x, x / wide), row = between(mesh.y, y / high);
      if (column < 0 || row < 0) continue;
      const cell = row * (mesh.x.length - 1) + column;
      return [mesh.what[cell], mesh.value ? `${mesh.says}: ${mesh.value[cell] ?? "no answer"}` : ""];
    }
    return null;
  }

  function show(event, keep) {
    const plot = event.target.closest("[data-points]");
    const figure = plot && held.figures[plot.dataset.points];
    if (!figure) { if (keep || !pinned) { box.hidden = true; pinned = false; } return; }
    if (pinned && !keep) return;
    const found = under(figure, plot.querySelector("img").getBoundingClientRect(), event);
    box.hidden = found === null;
    pinned = keep && found !== null;
    if (found === null) return;
    const [what, colour] = found, [name, parameters, line] = told(what, plot.dataset.points);
    box.replaceChildren(...[["div", colour], ["div", name], ["div", parameters], ["code", line]].filter(([, text]) => text).map(([kind, text]) => {
      const element = document.createElement(kind);
      element.textContent = text;
      return element;
    }));
    const wide = document.documentElement.clientWidth;
    box.style.left = `${Math.max(4, Math.min(event.clientX + 12, wide - box.offsetWidth - 4))}px`;
    box.style.top = `${event.clientY + 14 + box.offsetHeight > innerHeight ? event.clientY - box.offsetHeight - 10 : event.clientY + 14}px`;
  }

  document.addEventListener("pointermove", (event) => show(event, false));
  document.addEventListener("click", (event) => { if (!box.contains(event.target)) show(event, true); });
  document.addEventListener("scroll", () => { box.hidden = true; pinned = false; }, true);
})();
