"""Where to core next: where a ship may core, how it sails, and what is found from the realisations."""
