"""Who comes in: accounts, passwords, web sessions, the API's token endpoint, and the guard that denies by default."""
