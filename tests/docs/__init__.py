"""The pages against the program: commands, links, pictures."""
