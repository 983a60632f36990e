"""Systems and derivations for people: text, LaTeX."""
