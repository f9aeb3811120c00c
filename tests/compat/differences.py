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
    "a_name_in_the_account": "A `name` of `info.labels` plus the extension of its file is the name that is "
    "sent, as the official uploader does it; the official module sends the long name of the exported file.",
    "a_name_in_another_unicode_form": "A file that `info.labels` names in another Unicode form is found, and "
    "labels are sent in one form (NFC); the official call ends.",
    "a_file_that_is_named_and_missing": "A file that `info.labels` names and that is not there is a failure in the "
    "response; the official call ends.",
    "a_file_outside_the_dataset": "A file outside the dataset's folder is not uploaded, whatever `info.labels` says.",
    # listing and deletion
    "a_name_that_is_a_part_of_others": "Names are compared whole; the service's filter finds parts of names, so that "
    "the official module deletes `wave.010` along with `wave.01`.",
    "a_name_with_an_ampersand": "Names and labels are percent-encoded; the official module asks for `a` where `a&b` is "
    "meant.",
    "an_empty_name_is_deleted": "An empty name is the name of no sample; the official module deletes every sample.",
    "a_key_for_every_category": "The key and the time limit of the call hold when no category is named; the official "
    "module uses the global key then.",
    "a_name_is_deleted_with_another_key": "Names are looked up and deleted in one project, that of the key; the "
    "official module looks in one and deletes in the other.",
    "an_unknown_category_is_deleted": "An unknown category is a ValueError here too, before anything is sent.",
    # downloads
    "a_sample_without_an_interval_comes_back": "A sample whose interval is 0 comes back as JSON; the official call "
    "ends with UnsupportedSampleType and loses the others.",
    "ids_of_numpy": "Ids may be numpy's whole numbers.",
    # arrays
    "an_array_as_a_sample": "An array is a time series; the official module takes lists only, its documentation "
    "arrays.",
    "the_label_zero_of_an_array": "The label `0` is a label; the official module drops it.",
    "a_hole_in_an_array": "NaN and infinity are named before anything is sent; JSON has no such numbers, and the "
    "service refuses the file.",
    "metadata_of_numpy": "numpy's numbers are metadata; the official module cannot write them as JSON.",
    # frames
    "a_time_span_finer_than_a_second": "A time span as index keeps its fractions; the official module keeps whole "
    "seconds, and every row is at 0.",
    "a_time_span_of_days": "A time span as index keeps its days; the official module drops them, and every row is at "
    "0.",
    "an_index_of_dates": "Dates as index become milliseconds from the first; the official module sends texts, and the "
    "service refuses them.",
    "an_index_that_does_not_increase": "An index that does not increase is refused, as the official text says and its "
    "code does not.",
    "a_rate_below_a_millisecond": "A rate keeps its fractions; cut off, 0.5 ms puts every row at 0.",
    "a_frame_is_used_twice": "The caller's frame is not changed; the official module resets its index.",
    "labels_by_row_of_chosen_columns": "`label_col` need not be one of `axis_columns`; the official module looks for "
    "it there.",
    "labels_by_row_that_are_numbers": "Numbers are labels; the official module cannot write numpy's as JSON.",
    "the_label_column_of_one_row": "The label column of a single row is its label, not a value.",
    "a_feature_that_is_not_there": "A missing column is a ValueError that names it, everywhere.",
    "a_label_column_that_is_misspelt": "So is a missing column of labels; the official module uploads without labels.",
    "the_label_zero_of_a_row": "The label `0` is a label; the official module drops it.",
    "metadata_that_is_missing_in_a_row": "A missing cell is no metadata; the official module writes `nan` or `None`.",
    "a_category_that_is_missing_in_a_row": "A missing category is `split`; the official module asks for the category "
    "`nan`.",
    "wide_rows_with_named_columns_between": "Columns named for label, category and metadata are no data of a wide row.",
    "wide_rows_with_a_length": "`data_col_length` holds for one axis too; the official module takes no notice of it.",
    "wide_rows_of_one_column": "One column of data has its name for a heading; the number of the row, there, is "
    "refused by the service.",
    "timestamps_between_milliseconds": "Timestamps are rounded to a microsecond; cut off, 0.57 s is 569 ms.",
    "a_grouped_frame_is_used_twice": "The caller's frame is not changed; the official module leaves milliseconds and "
    "other names in it.",
    "group_metadata_of_numpy": "numpy's numbers are metadata; the official module cannot write them as JSON.",
    "a_feature_called_timestamp": "A feature may be called `timestamp`, and is sent as `timestamp_1`; the official "
    "module fails.",
    "rows_of_no_group": "Rows without a group are named; the official module uploads an empty file for them.",
}
