"""`amclip embed`: its help, which needs no network to be read."""

__all__ = ["run_embed"]

EMBED_HELP = """\
usage: amclip embed --config FILE --data.embeddings.folder FOLDER [options of amclip fit] [--ckpt_path X.ckpt]

Embed the sampled positions of all training, validation and test clips ahead, so that a training with the same settings
only trains what lies behind the image tower: amclip fit --config FILE --data.embeddings.folder FOLDER. A training
without this command does the same on the way, in its first epoch.

Says what is stored already, how much there is to do and how long it takes. What is done is kept whenever it is stopped;
the same command goes on from there. It uses one device; started several times, for one GPU each, say
(CUDA_VISIBLE_DEVICES=1 amclip embed …), the processes share the work.

  --data.embeddings.folder FOLDER   where embeddings are kept
  --data.embeddings.copies N        versions of each training clip, each with moments and augmentation of its own;
                                    0 (the default): one, seen as in validation
  --data.embeddings.dtype float16   half the space, rounded to three digits
  --ckpt_path X.ckpt                embed with the image tower of a checkpoint
  others                            as for `amclip fit`; data, input, backbone, precision and seed must be those of the
                                    training"""


def run_embed(args: list[str]) -> None:
    """`amclip embed`: embed ahead what a training would; takes what `amclip fit` takes.

    Args:
        args: The words after ``embed``.
    """
    if not args or "-h" in args or "--help" in args:
        print(EMBED_HELP)
        return
    from amclip.commands.embed import EmbedCLI

    EmbedCLI.run("fit", args)
