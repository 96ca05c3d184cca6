# shellcheck shell=sh
# Bytes that came in a request of their own, because they are many.
#
# An upload is not believed: a connection that broke may have left a part of it.
# In: _UPLOAD (the file that holds them, or empty), _UPLOAD_SIZE, _UPLOAD_SUM (its sha256).

# is_whole: whether the upload has arrived as it was sent.
is_whole() {
    [ "$(($(wc -c <"$_UPLOAD")))" = "$_UPLOAD_SIZE" ] &&
        _sum=$(sha256sum <"$_UPLOAD") && [ "${_sum%% *}" = "$_UPLOAD_SUM" ]
}

# drop_upload: it has been used.
drop_upload() { [ -z "$_UPLOAD" ] || rm -f "$_UPLOAD"; }
