"""Small value types that everything else is built from: no I/O, and nothing of the rest of the hub."""
