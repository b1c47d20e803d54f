"""Confronts what ``theory`` claims with what ``numerics`` measures."""
