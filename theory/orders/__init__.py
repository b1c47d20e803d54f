r"""Order-of-magnitude entailment: does a statement about orders follow from others, for all scalings?

Parameters are positive and depend on a size that grows without bound. ``X <= Y`` means X = O(Y): some constant K has
X <= K Y from some size on; ``>=`` is Omega, ``~`` is Theta, ``<<`` is o, ``>>`` is omega. *Up to logarithms*, a factor
(log x + log 1/x)^k of any parameters x that premises and goal compare, for some k, is forgiven in O, Omega and Theta;
X << Y up to logarithms means that X stays below Y by more than every such factor, so that it is the negation of
Y <= X. So what is forgiven depends on what else is there: d <= n up to logarithms says nothing of d and n beside a
parameter that may be exponential in n.

**What is decided.** Expressions are made of constants, products, rational powers, max, min, sums of positive terms (a
sum is a max, up to a constant) and logarithms; ``log E`` is read as max(1, log E), as every paper does that multiplies
by one. Any of them is a max of mins of monomials in the parameters and in such logarithms, so each relation is a
conjunction of clauses, each a disjunction of ``monomial <= 1`` or ``monomial << 1``. Of a disjunction one alternative
holds along a subsequence, which is enough to refute.

*Without logarithms* the answer is complete. In log-parameters, premises and negated goal are homogeneous linear
inequalities, and Motzkin's theorem (:mod:`theory.orders.cone`) gives, case by case, multipliers whose product of
premises contradicts the negated goal, hence a proof for *all* sequences of parameters, or a ray, hence a scaling
x = N^a.

*With logarithms* every proof is still sound for all sequences. It may use, for monomials E and F,

- log E >= 1;
- along a subsequence, E is bounded (then so is log E), or tends to infinity (then log E does, below every power of E);
- along a subsequence, log E <= log F, or log F << log E and E exceeds every power of F.

A counter-scaling is looked for among x = N^a (log N)^b (log log N)^c, where the logarithms are known exactly. Scalings
between these, such as exp(sqrt(log N)), are beyond both: where neither proof nor counter-scaling is found, the answer
is "undecided". No floating point enters, and either certificate is checked again before it is returned.
"""

from theory.orders.entail import Answer, Derivation, Ruling, consistent, entails
from theory.orders.relations import LATEX, RELATIONS, Order, Premise, facts, premises
from theory.orders.scaling import DEPTH, Scaling
from theory.orders.smt import question
from theory.orders.typed import declared, parse

__all__ = [
    "DEPTH",
    "LATEX",
    "RELATIONS",
    "Answer",
    "Derivation",
    "Order",
    "Premise",
    "Ruling",
    "Scaling",
    "consistent",
    "declared",
    "entails",
    "facts",
    "parse",
    "premises",
    "question",
]
