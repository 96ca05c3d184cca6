# shellcheck shell=sh
# checkpoints: all that were made of the root.
# In: those of store.sh.

. ../../_remote/frame.sh
. ./store.sh

begin
enter_store
put_checkpoints refs/checkpoints
end
