"""Tables as offices have them, CSV and workbooks, into the one import.

A file is opened (`opening`, `lines`, `parts`), its header found (`layout`) and its columns named (`columns`), and all of it gone
through once (`surveying`, `again`); then each row is a life event, a defect with its code, or passed over and said so (`rows`, `cells`). `source` gives them to the import as lines,
`verdict` says without a ledger what would become of them, `results` writes the file back with what did.
"""
