"""Values: everything that crosses a port."""
