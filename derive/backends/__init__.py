"""What every target prints: a program's signature; then one folder of printers for each."""
