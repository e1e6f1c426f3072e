"""Debian i386 on its own disk."""
