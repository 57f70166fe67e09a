"""What the tests stand on: the programs they start, and the clients they drive."""
