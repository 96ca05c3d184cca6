# shellcheck shell=sh
# read: a window of a file; all of it where it is small.
# In: those of path.sh; _PATH; _OFFSET, _LINES (the window), _BYTES (its size), _CLIP (bytes
#     kept of a line), _IMAGE (bytes of the largest picture).

. ../../_remote/frame.sh
. ../../_remote/path.sh
. ../../_remote/file.sh

# holds_nul: whether the window, before it is cut, is of a binary file. Some tools for lines
# drop a NUL or end a line there.
holds_nul() {
    [ "$(tail -n "+$_OFFSET" "$_source" | head -n "$_LINES" | head -c "$_BYTES" | tr -dc '\000' | wc -c)" -gt 0 ]
}

begin
enter "$_PATH"
open_regular
put_size
if [ "$_size" -le "$_BYTES" ]; then
    put_bytes content <"$_source"
    end
fi
# PNG, JPEG, GIF and WebP, by how their first bytes look in base64.
case $(head -c 12 "$_source" | base64) in
iVBORw0KGgo* | /9j/* | R0lGODdh* | R0lGODlh* | UklGR*XRUJQ)
    put image yes
    [ "$_size" -gt "$_IMAGE" ] || put_bytes content <"$_source"
    end
    ;;
esac
! holds_nul || {
    put nul yes
    end
}
put newlines $(($(wc -l <"$_source")))
[ -n "$(tail -c 1 "$_source")" ] || put closed yes
tail -n "+$_OFFSET" "$_source" | head -n "$_LINES" | cut -b "1-$_CLIP" | head -c "$_BYTES" | put_bytes window
end
