"""Pages: whole, escaped, linked within themselves, the same bytes every time."""
