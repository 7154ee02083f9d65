"""What starter-brain is taught: topics about Batuta, small talk, what it does not know, plans."""
