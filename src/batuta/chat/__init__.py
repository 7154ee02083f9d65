"""The neutral language of a conversation. Pure: no engine, no network, no async."""
