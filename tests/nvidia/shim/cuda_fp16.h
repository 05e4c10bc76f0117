/* For NVIDIA's headers in a build with the emulator: they take 16-bit numbers by pointers to void. */
