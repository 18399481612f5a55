"""Pictures of graphs and runs: pure functions from a graph, and what a run did in it, to text."""
