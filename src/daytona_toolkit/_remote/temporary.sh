# shellcheck shell=sh
# The names of files that are being written: a session's mark, and the number of a request. They
# lie beside the files that they become, and no operation shows them.

_temporaries='.dtk-????????????????.*'
