"""What every package needs: errors, files, hashes, audio reading, worker processes, YAML trees."""
