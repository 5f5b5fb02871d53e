"""How good a network, a round or a method is."""
