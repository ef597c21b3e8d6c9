"""Who comes in: accounts, passwords, web sessions, the token endpoint of plans' systems, and the guard that denies by default."""
