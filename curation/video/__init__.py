"""Opening video files: probing, decoding in a supervised child process, cutting."""
