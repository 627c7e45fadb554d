"""RNN cells and the calls that run them."""
