"""Questions of people to the read models and the log, each look recorded first; answers as pages, tables and files."""
