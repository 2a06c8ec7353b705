"""Tests of rule files: reading, checking, comparing and editing them."""
