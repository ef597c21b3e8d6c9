"""The persons served: found by CIN, never doubled; known only to the organizations that serve them."""
