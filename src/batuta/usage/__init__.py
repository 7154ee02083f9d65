"""What calls cost: prices, limits of keys, and the sums that the Usage page shows."""
