"""Where we differ from the official SDK on purpose: case -> why. The docs show this table; a test keeps it true.

A case that is listed here must differ; one that is not must not.
"""

DIFFERENCES: dict[str, str] = {
    # uploads
    "the_label_zero": "The label `0` is a label; the official module drops it.",
    "a_label_that_is_not_latin": "Labels travel percent-encoded, as the service's other clients send them; one label "
    "beyond Latin-1 ends the official call, with all its results.",
    "a_label_with_a_percent_sign": "A label arrives as it was given; sent raw, `%25` arrives as `%`.",
    "a_sample_without_a_name": "Without a file name one is made up, with an extension that fits the data; the official "
    "module crashes.",
    "a_stream_that_was_read_before": "A stream is read from its beginning and left where it stood; the official module "
    "uploads the rest of it, which may be nothing.",
    "one_stream_twice": "A stream can be uploaded again; the official module uploads nothing the second time.",
    "one_file_that_cannot_be_read": "Data that cannot be read fails its own sample; the official call ends with all "
    "its results lost.",
    "a_service_that_is_not_there": "A network error is tried again where that is safe, and then fails the samples "
    "it concerns; the official call ends with all its results lost.",
    "the_callers_sample_is_left_alone": "Of the caller's sample only `sample_id` is set; the official module turns "
    "boxes into text and sets the category.",
    "metadata_that_is_not_text": "Metadata values travel as text, numpy's included; the service refuses other JSON, "
    "and the official module cannot write numpy's.",
    "an_empty_directory": "An empty directory gives a response without samples; the official module gives None.",
    "every_extension_that_the_service_takes": "`.jpeg`, `.txt`, `.parquet` and upper-case extensions are uploaded too.",
    "a_dataset_inside_a_plain_directory": "`info.labels` is never uploaded as data; the service refuses it.",
    "boxes_beside_the_images": "`bounding_boxes.labels` beside the images is read.",
    "an_account_without_the_optional_keys": "Every key of an entry of `info.labels` but the path may be missing.",
    "an_unlabeled_file": "A file that was exported without a label has none afterwards; the official module lets the "
    "service infer one.",
    "a_map_of_labels": "`keyvalue-labels` travel as a label map; the official module sends them as structured labels.",
    "an_account_in_lines": "A very large `info.labels`, in JSON lines, is read.",
    "a_file_that_is_named_and_missing": "A file that `info.labels` names and that is not there is a failure in the "
    "response; the official call ends.",
    "a_file_outside_the_dataset": "A file outside the dataset's folder is not uploaded, whatever `info.labels` says.",
}
