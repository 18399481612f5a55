"""A chart in layers: where each box stands and how each arrow runs, from sizes alone.

The steps are those of Sugiyama, Tagawa and Toda, "Methods for visual understanding of hierarchical system structures"
(1981), a module for each: `cycles`, `ranks`, `layers`, `orders`, `columns`, `ports`, `tracks`. `levels` joins them for
one frame, `frames` goes from the innermost frame outwards. Nothing here knows texts, fonts or formats; the unit is
whatever the sizes are in, a pixel or a character. The same input gives the same numbers.
"""
