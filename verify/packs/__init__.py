"""The packs that the tools come with: one module or folder each, with a ``PACK`` (:mod:`verify.pack`)."""
