"""What connects the library to the workflow: parameters, plan, shards, devices, commands."""
