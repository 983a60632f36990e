"""Arrays with named axes (B): what a statement is for targets that compute whole arrays at once."""
