"""Where the sisters meet: engine, signer, mempool, builder, sync, API and their composition."""
