"""The church world."""
