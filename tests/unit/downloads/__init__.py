"""Tests of `batuta.downloads`."""
