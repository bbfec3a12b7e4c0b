#!/usr/bin/env node
process.stderr.write('usage: altostratus introducer [--port 1935] [--host ::]\n')
process.exitCode = 2
