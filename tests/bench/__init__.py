"""What `make bench` measures: whole processes, from the outside, beside what peers need."""
