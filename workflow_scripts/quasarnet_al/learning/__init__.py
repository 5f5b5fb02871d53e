"""Active learning: the map, the scores, the acquisition functions, the selection."""
