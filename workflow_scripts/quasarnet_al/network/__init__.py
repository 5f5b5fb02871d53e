"""QuasarNET: weights, inference, what its boxes mean, training."""
