"""A slow second engine, written from the design alone, to compare the fast one with."""
