"""What every wing uses: files, programs, random numbers."""
