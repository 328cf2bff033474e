"""Training and evaluation of a bundle's networks; the only part that needs the extra ``train``.

Here lies the vision tower: cohorts and generated hearts, the training loop, cross-validation and
heart groups, export, figures. ``language`` trains the language model and recognition, ``site`` goes
on with what a hospital has, ``page`` writes the evaluation. ``whole`` runs every stage of a plan.
"""
