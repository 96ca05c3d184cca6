# shellcheck shell=sh
# Our own folder, where it lies below the one that is looked through. No operation shows it.
# In: _STATE (our own folder).

# find_own: sets $_own, a pattern of find for our own folder, as seen from where we stand; one that
# nothing is like if it is elsewhere.
find_own() {
    case $_STATE/ in
    "${PWD%/}"/*) _own=$(printf %s "./${_STATE#"${PWD%/}/"}" | sed 's/[][*?\\]/\\&/g') ;;
    *) _own=./. ;;
    esac
}
