"""Who may do what, and who may see what: as data, read from the TOML files beside this."""
