"""What producers and workers agree on: specs, shards, outcomes, names, the object layout, the ledger."""
