"""A mock survey, for tests, demos and training."""
