"""Objects of the program's classes that held a graph: what their sessions ran becomes methods."""
