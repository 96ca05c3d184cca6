# shellcheck shell=sh
# checkpoints: list all checkpoints of the root.
# In: those of store.sh.

. ../../_remote/frame.sh
. ./store.sh

begin
enter_store
put_checkpoints refs/checkpoints
end
